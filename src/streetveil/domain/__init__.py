"""What the product talks about: boxes, detections, options and jobs. Standard library and numpy only."""
