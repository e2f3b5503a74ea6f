"""The log, the topics and the group on Apache Kafka."""
