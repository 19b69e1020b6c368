import { task } from 'cowait'

throw new Error('not today')

export const never = task(async () => 1)
