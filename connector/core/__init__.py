"""What scolpass decides: functions of values, without network, files, clock or randomness."""
