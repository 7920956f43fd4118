"""What Click2Dial means: rules, plans, records.  Pure: no input, no output, no clock."""
