import { task } from 'cowait'

export const answer = task(async () => 42)
