import { task, join } from 'cowait'
import { sleep } from './sleep.ts'

export const parallel = task(async () => {
  const tasks = [sleep({ duration: 5 }), sleep({ duration: 5 })]
  return await join(tasks)
})
