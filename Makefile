# Dunlin: two commands do everything on a fresh Debian 12 machine: `make run` and `make test`.

BUILD := build/release
DUNLIN := $(BUILD)/apps/cli/dunlin
JOBS := $(shell nproc)

# Of `make fuzz`, for each target.
SECONDS := 600

.PHONY: help run test soak test-arm64 test-peers models models-training bench package setup setup-peers configure build dev tsan fuzz build-fuzz clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(DUNLIN)  ## install what is missing, build, and run the demo: a fleet of 8 devices learns Fashion-MNIST
	$(DUNLIN) demo --out build/demo

test: run  ## the same, then every test that takes minutes or less
	cmake --build --preset release -j $(JOBS)
	tools/check_layers
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) -LE 'soak|peers'
	$(MAKE) build-fuzz
	ctest --test-dir build/fuzz --output-on-failure --no-tests=error -j $(JOBS)
	$(MAKE) test-arm64

soak: build  ## the long versions of the tests
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j $(JOBS) -L soak
	$(MAKE) test-arm64 ARM64=kernels\|runtime

ARM64 := kernels
test-arm64:  ## cross-compile for arm64 and test in qemu: the kernels; ARM64='kernels|runtime' also ONNX's node tests
	@tools/setup --arm64
	@test -f build/arm64/build.ninja || cmake --preset arm64
	cmake --build --preset arm64 -j $(JOBS) --target $(patsubst %,%_test,$(subst |, ,$(ARM64)))
	ctest --test-dir build/arm64 --output-on-failure --no-tests=error -j $(JOBS) -R '^($(ARM64))\.'

test-peers: setup-peers build  ## ONNX Runtime on models that Dunlin wrote, PyTorch's gradients afresh, newer ONNX's node tests
	cmake --preset release
	ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -L peers

models: setup-peers build  ## docs/models.md: models beside ONNX Runtime; DYNAMO_PYTHON=a python with a current PyTorch
	/usr/bin/python3 tests/peers/models/make_table.py --dunlin $(DUNLIN) --onnxruntime build/peers/onnxruntime \
	  --ocr-models build/peers/ocr-models --work build/models --out docs/models.md \
	  $(if $(DYNAMO_PYTHON),--dynamo $(DYNAMO_PYTHON))

models-training: build  ## trains models beside PyTorch (Debian's); writes docs/models-training.md; DYNAMO_PYTHON as above
	$(if $(DYNAMO_PYTHON),$(DYNAMO_PYTHON) tests/peers/models/train.py --train-models $(BUILD)/tests/peers/train_models \
	  build/models-training)
	/usr/bin/python3 tests/peers/models/train.py --train-models $(BUILD)/tests/peers/train_models \
	  --table docs/models-training.md build/models-training

bench: setup-peers  ## benchmarks against oneDNN, ONNX Runtime, libtorch; results in build/bench/results
	cmake --preset bench
	cmake --build --preset bench -j $(JOBS)
	bench/run

package: build  ## a .deb in build/release
	cd $(BUILD) && cpack -G DEB

setup:  ## install the Debian packages that are missing
	@tools/setup

setup-peers:
	@tools/setup --peers

configure: setup
	@test -f $(BUILD)/build.ninja || cmake --preset release

build: configure  ## build everything
	cmake --build --preset release -j $(JOBS)

$(DUNLIN): configure FORCE
	cmake --build --preset release -j $(JOBS) --target dunlin_cli

dev: setup  ## build and test with AddressSanitizer and UBSan
	cmake --preset dev && cmake --build --preset dev -j $(JOBS)
	ctest --test-dir build/dev --output-on-failure -j $(JOBS) -LE 'soak|peers'

tsan: setup  ## build and test with ThreadSanitizer
	cmake --preset tsan && cmake --build --preset tsan -j $(JOBS)
	TSAN_OPTIONS=suppressions=$(CURDIR)/cmake/tsan.supp \
	  ctest --test-dir build/tsan --output-on-failure -j $(JOBS) -LE 'soak|peers'

build-fuzz:
	@tools/setup --fuzz
	@test -f build/fuzz/build.ninja || cmake --preset fuzz
	cmake --build --preset fuzz -j $(JOBS)

fuzz: build-fuzz  ## fuzz every parser for SECONDS=600 each; findings and a growing corpus in build/fuzz
	tests/fuzz/run build/fuzz $(SECONDS)

clean:  ## remove the build
	rm -rf build

FORCE:
