"""Networks on hosts: who is on which, making and removing them, joining and leaving, and a drawing of it all."""
