"""How long ``docker logs`` of many lines takes here, of our engine and of a private dockerd.
    python -m benchmarks.log_reading [--lines 300000] [--rounds 7] [--timestamps] [--json] [--max-ratio 0.35]

A container of each has written the lines before and has ended. With ``--attached`` it is the writing that is measured:
``docker run`` of the same program, with its output.
"""

from benchmarks.contenders import IMAGE, Contender, common_arguments, compare, parsed

NAME = "naru-benchmark-log"
LINE = "a line of a log, about as long as lines are"


def main() -> None:
    parser = common_arguments("Time `docker logs` of our engine and of dockerd.", rounds=7, warm_up=1)
    parser.add_argument("--lines", type=int, default=300_000, metavar="N", help="in the log (default 300000)")
    parser.add_argument("--timestamps", action="store_true", help="ask for them: then each line is sent by itself")
    parser.add_argument("--attached", action="store_true", help="measure `docker run` of what writes the lines instead")
    options = parsed(parser)
    program = [IMAGE, "sh", "-c", f"yes '{LINE}' | head -n {options.lines}"]
    logs = ["logs", *(["--timestamps"] if options.timestamps else []), NAME]
    if options.attached:
        what, words = f"docker run --rm busybox, writing {options.lines} lines", ["run", "--rm", *program]
    else:
        what, words = f"docker {' '.join(logs[:-1])} of {options.lines} lines", logs

    def prepare(contender: Contender) -> None:
        contender.docker("run", "--detach", "--name", NAME, *program)
        contender.docker("wait", NAME)
        found = contender.docker("logs", NAME).count(LINE)
        if found != options.lines:
            raise SystemExit(f"{contender.name}: {found} of {options.lines} lines are in the log")

    def once(contender: Contender) -> float:
        return contender.timed(*words)

    compare(options, what=what, once=once, prepare=None if options.attached else prepare)


if __name__ == "__main__":
    main()
