"""Programs as a user would write them, whole, with each library; timed from outside.

They run as processes of their own and import nothing of the benchmark but `stamps` and what stands
beside them, so that they pay for their library and for nothing else.
"""
