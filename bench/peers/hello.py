from cowait import task


@task
async def Hello(n: int = 1):
    return 42
