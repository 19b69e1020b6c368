from cowait import join, task
from hello import Hello


@task
async def Many(calls: int = 8):
    return len(await join([Hello(n=n) for n in range(calls)]))
