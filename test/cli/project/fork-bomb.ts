import { task } from 'cowait'

export const bomb = task(async () => 1)

await bomb()
