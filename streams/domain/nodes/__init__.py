"""Nodes, their sessions, the services they offer and the brake on mass failures, as pure code."""
