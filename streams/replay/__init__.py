"""Reading logs that are there already: bounded reads through the accept rule, and proof that a log keeps its promises.

Needs `streams.log` and the domain; knows no Kafka and no engine. Who calls it brings a `TopicReader`.
"""
