"""Leads: cleansing, identity, companies, consent, import."""
