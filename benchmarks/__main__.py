"""Measuring, command line: python -m benchmarks rate | speed | delay | sync | viewers | mesh | soak | ..."""

import sys

from benchmarks.errors import BenchmarkError
from codec.errors import CodecError
from codec.flags import Parser


def _parser() -> Parser:
    """Raises ModuleNotFoundError where the extra `bench` is not installed."""
    from benchmarks.calls.echo.command import add_echo
    from benchmarks.calls.mesh.command import add_mesh
    from benchmarks.calls.sfu.command import add_sfu
    from benchmarks.calls.soak.command import add_soak
    from benchmarks.calls.sync.command import add_sync
    from benchmarks.calls.viewers.command import add_viewers
    from benchmarks.delay.command import add_delay
    from benchmarks.engines.command import add_engines
    from benchmarks.network.command import add_network
    from benchmarks.rate.command import add_rate
    from benchmarks.rate.compare import add_compare
    from benchmarks.rate.merge import add_merge
    from benchmarks.speed.command import add_speed
    from benchmarks.table_command import add_table

    parser = Parser(prog="python -m benchmarks", description="Measures the codec.")
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (
        add_rate,
        add_speed,
        add_delay,
        add_sync,
        add_echo,
        add_viewers,
        add_mesh,
        add_sfu,
        add_soak,
        add_network,
        add_engines,
        add_table,
        add_compare,
        add_merge,
    ):
        add(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs one of the commands. Returns 0, or 2 after one line that says what is wrong."""
    command = sys.argv[1:] if argv is None else argv
    try:
        args = _parser().parse_args(command)
        args.run(args, command)
    except ModuleNotFoundError as error:
        print(f"benchmarks: {error}: pip install 'facewire[bench]'", file=sys.stderr)
        return 2
    except (BenchmarkError, CodecError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
