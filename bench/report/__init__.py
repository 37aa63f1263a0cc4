"""What is made of a result: text, pages, charts and comparisons; nothing here measures."""
