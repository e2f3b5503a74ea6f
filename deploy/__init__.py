"""What runs Tidelock elsewhere: images, configuration of servers, dashboards, alerts."""
