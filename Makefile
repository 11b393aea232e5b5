# One line of real commands each. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: bench bench-parts bless build check demo help image pictures planted soak test web

# Unoptimised: a first build takes three minutes on two cores, an optimised one ten.
demo: web ## Run the service on a simulated Twilio, and print one URL to open. No account is needed. ORIGIN=http://… may embed.
	@cargo run -- demo $(if $(ORIGIN),--cors-origin $(ORIGIN))

build: web ## Build the service with its console and player, optimised: target/release/hearback.
	cargo build --release

web: web/dist/index.html ## Build the console and the player, which the service has compiled in.

# What is unchanged is not built anew: cargo would compile it in anew, too.
web/dist/index.html: $(wildcard web/*.*) $(shell find web/src web/public -type f ! -name '*.test.ts')
	@web/setup
	@cd web && npm run --silent build

# The same chances each time, so that a failure is the change's. `cargo test` alone and the long campaigns take new ones.
test: ## Install what the tests need (Debian or Ubuntu), then check and test everything.
	tests/setup
	$(MAKE) --no-print-directory web check
	cd web && npm run --silent test
	PROPTEST_RNG_SEED=1 cargo test --workspace --all-targets
	tests/browser/run

check: web ## Formatting, lints, and the rules of the house.
	@web/setup
	cd web && npm run --silent check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --quiet --test tidy

soak: ## The long campaigns: hours. TEST_SEED=n replays one, CAMPAIGN=name runs one.
	tests/setup
	$(MAKE) --no-print-directory web
	case "$(CAMPAIGN)" in "" | mounts) MOUNTS=500 tests/browser/run mounts ;; esac
	[ "$(CAMPAIGN)" = mounts ] || SOAK=1 cargo test --workspace --no-fail-fast campaign_$(CAMPAIGN) -- --nocapture --test-threads=1

bench: ## Measure beside nginx, varnish and the old way. WORKLOAD=name for some, ROUNDS=n, PROFILE=1.
	benches/setup
	$(MAKE) --no-print-directory build
	cargo run --quiet --release --package benches -- --workload "$(WORKLOAD)" $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PROFILE),--profile)

bench-parts: ## Measure what deciding, authenticating, sealing and opening cost, each alone.
	cargo bench --package benches

image: ## Build the image without a daemon, start it as it is meant to be run, play from it, say its size. PROFILE=dev is quick.
	tests/image/run

planted: web ## Plant each bug of tests/planted/bugs.toml in a copy, and see its test notice it: half an hour.
	tests/planted/run $(BUG)

bless: ## Write the recording's transition matrix into actors/README.md.
	BLESS=1 cargo test --quiet -p actors the_readme_shows_the_matrix

pictures: web ## Make a picture of every page in target/browser/pages, and the three of the README.
	tests/browser/run screenshots

help: ## List these commands.
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' Makefile
