import { task } from 'cowait'

export const lines = task(async ({ lines }) => {
  for (let i = 0; i < lines; i++) console.log(`line ${i} of what a task has to say`)
})
