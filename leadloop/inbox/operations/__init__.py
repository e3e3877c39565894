"""What people do to journeys: pause, resume, end, try again, move, stop all sending. Who did it is kept."""
