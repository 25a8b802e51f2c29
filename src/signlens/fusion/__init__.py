"""Ensembles and calibration: scores of several parts into one."""
