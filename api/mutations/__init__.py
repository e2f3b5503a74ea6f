"""What can be done: the fields of `Mutation`. All goes by the workers' direct lane, as any client's commands do."""
