import { task } from 'cowait'

export const hello = task(async ({ name = 'world' }: { name?: string }) => `hello ${name}`)
