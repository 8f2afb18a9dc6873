"""What comes back from officers and mail servers: clicks, links, commands, bounces."""
