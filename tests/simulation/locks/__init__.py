"""Histories of locks."""
