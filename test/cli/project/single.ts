import { task } from 'cowait'

export const echo = task(async (input: Record<string, unknown>) => input)
