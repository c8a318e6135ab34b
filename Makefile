# The commands people type; Meson and the scripts in tools/ do the work.
#
#   make             btv and btv-run in build/            make demo       foreign programs, stages, figures (< 5 min)
#   make check       every test that is quick (< 10 min)   make check-all  also real programs and long generated runs
#   make profile     make, again with GCC having watched programs of /tmp/roots/riscv64 start, which makes them 8 % faster
#   make lint        layers, headers, shell scripts        make install    DESTDIR= PREFIX=/usr/local
#   make clean
#
# NO_SETUP=1 never installs packages; V=1 shows the compiler's command lines; J=2 limits parallel jobs.
BUILD ?= build
PREFIX ?= /usr/local
J ?= $(shell nproc 2>/dev/null || echo 2)
MESON_FLAGS ?=
NINJA = ninja -C $(BUILD) -j $(J) $(if $(V),-v,--quiet)

.PHONY: all profile setup-build setup-check demo check check-all lint install clean

all: $(BUILD)/build.ninja
	@$(NINJA)
	@cd $(BUILD) && for p in btv btv-run btv-prove; do [ ! -e src/cli/$$p ] || ln -sf src/cli/$$p .; done

$(BUILD)/build.ninja:
	@$(MAKE) --no-print-directory setup-build
	meson setup $(BUILD) --prefix=$(PREFIX) $(MESON_FLAGS)

setup-build:
	@tools/setup.sh build

setup-check:
	@tools/setup.sh build check

demo: setup-check all
	@BUILD=$(BUILD) tools/demo.sh

check: setup-check all
	@BUILD=$(BUILD) J=$(J) tests/run-meson.sh --no-suite long

check-all: setup-check all
	@tools/setup.sh all
	@BUILD=$(BUILD) J=$(J) tests/run-meson.sh

profile: all
	@BUILD=$(BUILD) J=$(J) tools/profile.sh

lint: setup-check
	@tools/lint.sh

install: all
	DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD)
