"""What is told of locks alone: spells, causes, the story in sentences, and what must hold of their events."""
