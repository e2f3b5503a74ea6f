"""What clients and owners share: frames, placement, the ring."""
