"""Entering journeys: by event, time, segment, hand or publication, and the rules that say who may."""
