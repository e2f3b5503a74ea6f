"""Live subscriptions: the log's tail, shared by everybody who watches, with cursors that resume anywhere."""
