"""Mathematics without state: torch in, torch out."""
