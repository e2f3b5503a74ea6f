"""The Avro schemas of everything that crosses a process boundary, and the codec that is strict about them."""
