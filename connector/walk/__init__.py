"""The one walk: gather, plan, judge, apply, report."""
