# SPDX-License-Identifier: GPL-2.0-only
.PHONY: bench
bench: packages ## forwarding rates against the kernel's own ways, build/bench/forwarding.json
	@$(MAKE) --no-print-directory all $(BENCH)
	@python3 bench/forwarding.py
