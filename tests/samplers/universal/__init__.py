"""The universal suite of samplers: every sampler, on every schedule, with exact models.

``python tests/samplers/universal --all`` runs it whole.
"""
