"""What the service's HTTP sides have in common: how they listen, whom they answer, how they say what is wrong."""
