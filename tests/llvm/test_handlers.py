"""What runs in the middle of a native loop: handlers of signals, other threads, whoever traces.

Each case is a process of its own, as in ``test_attempts.py``: it passes if the process ends as it
should, with what the case asserts.
"""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("llvmlite")
pytest.importorskip("resource")

from tests.llvm.test_attempts import attempt

HANDLING = """
def sorted_loop(n):
    def once(state):
        i, c = state
        return i + 1, np.sin(c) ** 2 + c
    def f(x):
        c = ft.while_loop(lambda s: s[0] < n, once, (0, x * 2.0))[1]
        return np.sort(c) * 2.0
    return ft.jit(f, **L)

seen = []

def after(seconds, handler, every=0.0):
    def handle(*_):
        seen.append(1)
        handler()
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds, every)

def calm():
    signal.setitimer(signal.ITIMER_REAL, 0.0)

x = np.linspace(0.0, 1.0, 3000)
f, few = sorted_loop(20_000), sorted_loop(3)
wanted, other = f(x), few(x)
total = ft.jit(lambda x: np.sum(np.sort(np.cumsum(np.sin(x) * x)) * np.cumsum(x)), **L)
totals = [total(np.ones(n)) for n in (200_000, 400_000)]

def patient(done):
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)

def ended(children):  # the child, who has none itself, and then the parent
    if not children:
        os._exit(0)
    assert [os.waitpid(child, 0)[1] for child in children] == [0]

def use():  # what takes memory of its own in native code
    assert np.array_equal(few(x), other)
    assert [total(np.ones(n)) for n in (200_000, 400_000)] == totals
"""

CASES = {
    "calls": """
        def call():
            use()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        after(0.02, call)
        while len(seen) < 5:
            assert np.array_equal(f(x), wanted)
        calm()
    """,
    "the same call": """
        def again():
            calm()
            assert np.array_equal(f(x), wanted)
        after(0.02, again)
        assert np.array_equal(f(x), wanted)
        assert seen
    """,
    "the same call without end": """
        endless = loop(10**12)
        endless.lower(x)
        def again():
            endless(x)
        after(0.05, again, 0.02)
        raised(RecursionError, endless, x)
        calm()
        use()
    """,
    "forks": """
        children = []
        def fork():
            child = os.fork()
            if child:
                children.append(child)
            use()
            total(np.ones(800_000))  # which takes more than anything before
        after(0.02, fork)
        assert np.array_equal(f(x), wanted)
        use()
        ended(children)
    """,
    "forks among threads": """
        ft.set_num_threads(3)
        wide = np.linspace(0.0, 1.0, 1_000_000)
        def once(state):
            i, c = state
            return i + 1, np.sin(c) + 1.0
        f = ft.jit(lambda x: ft.while_loop(lambda s: s[0] < 50, once, (0, x))[1], **L)
        wanted = f(wide)
        children = []
        def fork():
            child = os.fork()
            if child:
                children.append(child)
            assert np.array_equal(f(wide), wanted)
        after(0.02, fork)
        assert np.array_equal(f(wide), wanted)
        ended(children)
    """,
    "forks within a compilation": """
        from functrans.compile import background
        from functrans.compile.llvm.code import engine
        done, children, text = [], [], "define i64 @answer() {{ ret i64 {} }}"
        def job():
            engine.load(text.format(1), ["answer"])
            done.append(1)
        def fork(*_):
            child = os.fork()
            if child:
                children.append(child)
        signal.signal(signal.SIGUSR1, fork)
        def written():  # by this thread, which compiles: the other waits for it
            background.later(job)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGUSR1)
            return text.format(2)
        engine.load(written, ["answer"], known_as="text")
        patient(lambda: done)
        assert done == [1]
        use()
        ended(children)
    """,
    "forks within work of the background": """
        from functrans.compile import background, stacks
        children, start = [], stacks.start
        stacks.start = lambda *_: None  # this thread does the work
        def fork(*_):
            child = os.fork()
            if child:
                children.append(child)
        signal.signal(signal.SIGUSR1, fork)
        def job():
            stacks.start = start
            background.later(use)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGUSR1)
        background.when_calm(job)
        background.finish()
        use()
        ended(children)
    """,
    "signals while threads start": """
        from functrans.compile import background, stacks
        done, children, start = [], [], threading.Thread.start
        def started(thread):
            start(thread)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGUSR1)
        threading.Thread.start = started
        def handle(*_):
            threading.Thread.start = start
            background.later(lambda: done.append(1))
            child = os.fork()
            if child:
                children.append(child)
        signal.signal(signal.SIGUSR1, handle)
        background.later(use)
        patient(lambda: done)
        ended(children)
    """,
    "signals while threads are set": """
        from functrans.compile.llvm.code import pool
        children, resize = [], pool.Pool.resize
        def resized(self, count):
            pool.Pool.resize = resize
            os.kill(os.getpid(), signal.SIGUSR1)
            resize(self, count)
        pool.Pool.resize = resized
        def handle(*_):
            child = os.fork()
            if child:
                children.append(child)
            ft.set_num_threads(2)
            use()
        signal.signal(signal.SIGUSR1, handle)
        wide = np.linspace(0.0, 1.0, 1_000_000)
        ft.jit(lambda x: np.sin(x) * 2.0, **L)(wide)
        ft.set_num_threads(3)
        assert ft.get_num_threads() == 3
        use()
        ended(children)
    """,
    "forks that are interrupted": """
        from functrans.compile import background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        done = []
        def job():
            time.sleep(0.6)
            done.append(1)
        background.later(job)
        time.sleep(0.1)
        after(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        child = os.fork()  # which waits for the job; Python drops what is raised there
        if not child:
            use()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0 and seen
        background.later(job)
        while len(done) < 2:
            time.sleep(0.01)
        use()
    """,
    "programs are forgotten": """
        def forget():
            global f, few
            f = few = None
            ft.clear_caches()
            ft.clear_cache()
            gc.collect()
            total(np.ones(1000))
        after(0.02, forget)
        assert np.array_equal(f(x), wanted)
        assert seen and f is None
    """,
    "donated arrays and containers": """
        def once(state):
            i, c = state
            return i + 1, c * 0.5 + 1.0
        give = ft.jit(
            lambda p, n: p | {"x": ft.while_loop(lambda s: s[0] < n, once, (0, p["x"]))[1]},
            donate_argnums=0, **L)
        give({"x": np.ones(5000), "y": np.ones(5000)}, 3)
        given = {"x": np.ones(5000), "y": np.ones(5000)}
        def again():
            calm()
            given.clear()
            gc.collect()
            p = {"x": np.full(5000, 3.0), "y": np.ones(5000)}
            assert np.array_equal(give(p, 2)["x"], np.full(5000, 2.25))
            if len(seen) == 2:
                raise TimeoutError
        for rounds in (2, 1):
            given.update(x=np.ones(5000), y=np.ones(5000))
            after(0.05, again)
            if len(seen) == 1:
                raised(TimeoutError, give, given, 10**12)
            else:
                found = give(given, 2_000_000)
                assert np.array_equal(found["x"], np.full(5000, 2.0)) and found["y"][0] == 1.0
        assert len(seen) == 2
    """,
    "tracing": """
        lines = []
        def trace(frame, event, arg):
            lines.append(frame.f_code.co_name)
            return trace
        for on in (sys.settrace, sys.setprofile):
            lines.clear()
            on(trace)
            found = f(x)
            on(None)
            assert np.array_equal(found, wanted) and "between_lines" in lines
        def angry(frame, event, arg):
            if frame.f_code.co_name == "between_lines":
                raise TimeoutError
            return angry
        for on in (sys.settrace, sys.setprofile):
            on(angry)
            raised(TimeoutError, f, x)
            on(None)
            assert np.array_equal(f(x), wanted)
    """,
    "exceptions from other threads": """
        import ctypes
        endless = loop(10**12)
        endless.lower(x)
        ended = []
        def run():
            ended.append(raised(TimeoutError, endless, x))
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        for thread in threads:
            number = ctypes.c_ulong(thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(TimeoutError))
        for thread in threads:
            thread.join(20)
        assert len(ended) == 3
        use()
    """,
    "threads that Python does not know": """
        import ctypes
        system = ctypes.CDLL(None)
        found = []
        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def run(_):
            found.append(np.array_equal(f(x), wanted))
        threads = [ctypes.c_ulong() for _ in range(3)]
        for thread in threads:
            system.pthread_create(ctypes.byref(thread), None, run, None)
        after(0.02, use)
        assert np.array_equal(f(x), wanted)
        for thread in threads:
            system.pthread_join(thread, None)
        assert found == [True] * 3
    """,
    "intervals": """
        end = time.monotonic() + 2
        counted = [0]
        def count():
            while time.monotonic() < end:
                counted[0] += 1
        threads = [threading.Thread(target=count) for _ in range(3)]
        for thread in threads:
            thread.start()
        for interval in (1e-6, 0.005, 3.0):
            sys.setswitchinterval(interval)
            after(0.01, use)
            assert np.array_equal(f(x), wanted)
        for thread in threads:
            thread.join()
    """,
    "an exception while others raise": """
        def run():
            for _ in range(3):
                raised(ZeroDivisionError, lambda: 1 // (f(x)[0] < -9))
        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            raise KeyError
        except KeyError as error:
            after(0.02, lambda: raised(ValueError, int, "x"))
            assert np.array_equal(f(x), wanted)
            assert sys.exc_info()[1] is error
        for thread in threads:
            thread.join()
    """,
    "the program ends": """
        endless = loop(10**12)
        for _ in range(3):
            threading.Thread(target=endless, args=(x,), daemon=True).start()
        time.sleep(0.3)
        after(0.05, lambda: sys.exit(0))
        endless(x)
    """,
}

QUICK = tuple(x for x in CASES if x.startswith(("forks", "signals")) and x != "forks among threads")
"""Those that run by default; most take some seconds."""


@pytest.mark.parametrize(
    "name", [x if x in QUICK else pytest.param(x, marks=pytest.mark.slow) for x in CASES]
)
@pytest.mark.skipif(sys.platform != "linux", reason="signals, forks and threads of Linux")
def test_handlers(name: str, tmp_path: Path) -> None:
    attempt(HANDLING + dedent(CASES[name]), tmp_path)
