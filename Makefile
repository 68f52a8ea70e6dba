.PHONY: help run test soak bench clean sdk

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16
	@echo
	@echo '  make test ONLY=Name   the tests whose class or method name contains Name'

sdk:
	@dotnet --list-sdks 2>/dev/null | grep -q '^10\.' || { \
	  echo 'Kosha needs the .NET 10 SDK (the command dotnet): https://dotnet.microsoft.com/download' >&2; exit 1; }

run: sdk  ## Build Kosha and start it with its own Postgres; prints the address and the password
	@packaging/install-needed.sh run
	@packaging/run-from-checkout.sh

test: sdk  ## Run every test; ends with 'N passed, N failed'
	@packaging/install-needed.sh test
	@tests/run.sh ci '$(ONLY)'

soak: sdk  ## The same tests with large trees and many rounds (hours)
	@packaging/install-needed.sh test
	@tests/run.sh soak '$(ONLY)'

bench: sdk  ## Measure Kosha beside Apache, nginx, lighttpd and rclone
	@packaging/install-needed.sh bench
	@tests/bench.sh $(ARGS)

clean:  ## Remove what the build made; ./data stays
	@find src tests -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
	@rm -rf artifacts
