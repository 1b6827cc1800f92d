"""Honest programs work inside the sandbox."""

import pytest

from herokit_code import Limits
from herokit_code.sandbox import run_program

pytestmark = pytest.mark.sandbox

MAIN = "if __name__ == '__main__':\n    "
HONEST = {
    # name: program, stdout
    "threads": ("import threading as t\nx = [t.Thread(target=print, args=('in',)) for _ in range(3)]\nfor y in x: y.start(); y.join()", "in\nin\nin\n"),
    "pool of threads": ("from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as p: print(sum(p.map(abs, range(-9, 9))))", "81\n"),
    "timed lock": ("import threading; c = threading.Condition()\nwith c: print(c.wait(0.01))", "False\n"),
    "subprocess": ("import subprocess as s, sys; print(s.run([sys.executable, '-c', 'print(input())'], input='a', text=True, capture_output=True).stdout)", "a\n\n"),
    "shell": ("import os; os.system('echo a | tr a b')", "b\n"),
    "fork": ("import os\nif os.fork() == 0: os._exit(3)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))", "3\n"),
    "multiprocessing, fork": (f"import multiprocessing as m\n{MAIN}m.set_start_method('fork')\n    with m.Pool(2) as p: print(p.map(abs, [-1, 2]))", "[1, 2]\n"),
    "multiprocessing, spawn": (f"import multiprocessing as m\n{MAIN}m.set_start_method('spawn')\n    with m.Pool(2) as p: print(p.map(abs, [-1, 2]))", "[1, 2]\n"),
    "multiprocessing, forkserver": (f"import multiprocessing as m\n{MAIN}m.set_start_method('forkserver')\n    with m.Pool(2) as p: print(p.map(abs, [-1, 2]))", "[1, 2]\n"),
    "shared values": (f"import multiprocessing as m\ndef f(v):\n    with v.get_lock(): v.value += 1\n{MAIN}v = m.Value('i', 1)\n    p = m.Process(target=f, args=(v,)); p.start(); p.join(); print(v.value)", "2\n"),
    "shared memory": ("from multiprocessing.shared_memory import SharedMemory as S\ns = S(create=True, size=9); t = S(s.name); s.buf[0] = 7; print(t.buf[0]); t.close(); s.close(); s.unlink()", "7\n"),
    "pool of processes": (f"from concurrent.futures import ProcessPoolExecutor as P\n{MAIN}\n    with P(2) as p: print(list(p.map(abs, [-3])))", "[3]\n"),
    "manager": (f"import multiprocessing as m\n{MAIN}\n    with m.Manager() as n: print(n.list([1]))", "[1]\n"),
    "asyncio": ("import asyncio\nasync def f(): return await asyncio.gather(*[asyncio.sleep(0.01, x) for x in range(3)])\nprint(asyncio.run(f()))", "[0, 1, 2]\n"),
    "asyncio, processes": ("import asyncio\nasync def f():\n    p = await asyncio.create_subprocess_exec('/bin/echo', 'hi', stdout=-1)\n    print(await p.communicate())\nasyncio.run(f())", "(b'hi\\n', None)\n"),
    "asyncio, threads": ("import asyncio\nprint(asyncio.run(asyncio.to_thread(abs, -1)))", "1\n"),
    "unix sockets": ("import socket, threading\ns = socket.socket(socket.AF_UNIX); s.bind('s'); s.listen()\nc = socket.socket(socket.AF_UNIX); c.connect('s'); c.sendall(b'x'); print(s.accept()[0].recv(1))", "b'x'\n"),
    "select": ("import os, select\nr, w = os.pipe(); os.write(w, b'x'); print(select.select([r], [], [], 1)[0] == [r])", "True\n"),
    "signals": ("import signal\nsignal.signal(14, lambda *_: print('alarm')); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()", "alarm\n"),
    "copies of files": ("import pathlib, shutil\npathlib.Path('a').mkdir(); pathlib.Path('a/b').write_text('x'); shutil.copytree('a', 'c'); shutil.move('c', 'd'); print(pathlib.Path('d/b').read_text()); shutil.rmtree('d')", "x\n"),
    "temporary files": ("import tempfile\nwith tempfile.TemporaryDirectory() as d, tempfile.TemporaryFile() as f: print(f.write(b'xyz'))", "3\n"),
    "mapped files": ("import mmap\nopen('a', 'wb').write(bytes(9))\nwith open('a', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m: m[0] = 65; m.flush(); print(m[:1])", "b'A'\n"),
    "sqlite": ("import sqlite3\nwith sqlite3.connect('d') as d: d.execute('create table t (x)'); d.execute('insert into t values (5)'); print(d.execute('select * from t').fetchall())", "[(5,)]\n"),
    "time and chance": ("import os, random, time, uuid\ntime.sleep(0.01); random.seed(); print(len(os.urandom(3)), time.monotonic() > 0, len(str(uuid.uuid4())))", "3 True 36\n"),
    "the machine": ("import os, platform, resource, shutil\nprint(platform.system(), os.cpu_count() > 0, len(os.sched_getaffinity(0)) > 0, resource.getrusage(0)[0] >= 0, shutil.disk_usage('.').free > 0)", "Linux True True True True\n"),
    "an answer from stdin": ("print(sum(map(int, open(0).read().split())))", "6\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_program_works(name):
    program, stdout = HONEST[name]
    result = run_program(program, "1 2 3", Limits(timeout=20.0))
    assert (result.status, result.exit_code, result.stdout) == ("exited", 0, stdout), result
