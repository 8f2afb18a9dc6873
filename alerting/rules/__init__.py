"""Who wants to know what, where and when: the subscription files, matched with an episode."""
