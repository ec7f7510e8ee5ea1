"""How long ``docker run --rm IMAGE true`` takes here, against our engine and against a private dockerd.
python -m benchmarks.container_start [--rounds 20] [--json] [--max-ratio 0.5]
"""

from benchmarks.contenders import IMAGE, Contender, common_arguments, compare, parsed


def main() -> None:
    parser = common_arguments("Time `docker run --rm IMAGE true` against our engine and dockerd.", rounds=20, warm_up=3)
    parser.add_argument("--network", default="", help="passed to docker run, e.g. none")
    options = parsed(parser)
    network = ["--network", options.network] if options.network else []

    def once(contender: Contender) -> float:
        return contender.timed("run", "--rm", *network, IMAGE, "true")

    compare(options, what=" ".join(["docker run --rm", *network, "busybox true"]), once=once)


if __name__ == "__main__":
    main()
