"""What a run amounted to: its equity curve, statistics, files of results and the HTML report."""
