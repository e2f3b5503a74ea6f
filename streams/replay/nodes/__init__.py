"""Nodes, services and the brake as their logs tell of them."""
