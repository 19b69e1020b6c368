import { task } from 'cowait'

export const lines = task(async () => {
  for (let i = 0; i < 100_000; i++) console.log(`line ${i} of what a task has to say`)
})
