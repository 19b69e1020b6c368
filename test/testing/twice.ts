import { task } from '../../src/core/task.ts'

export const one = task(async () => 'one')
export const two = task(async () => `two of ${await one()}`)
