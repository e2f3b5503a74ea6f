"""The SDK: an asyncio client of the direct lane. Users import `tidelock`; what is here may move."""
