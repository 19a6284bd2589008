import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { type LiveTimeline, WINDOW_MS } from '../model/live-timeline.js'
import { votesCount } from '../model/wording.js'
import { useServices } from '../services.js'
import { useWatched } from '../state.js'
import { WINDOWS_SHOWN } from './use-live-board.js'

const HEIGHT_PX = 190
const DRAW_EVERY_MS = 500
/** Windows that are drawn at least. */
const WINDOWS_MIN = 12

/** Votes in each ten seconds of the last minutes. */
export const TimelineChart = ({ timeline }: { readonly timeline: LiveTimeline }) => {
  const { now, theme } = useServices()
  const look = useWatched(theme.theme)
  const place = useRef<HTMLDivElement>(null)
  const words = useRef<HTMLParagraphElement>(null)

  useEffect(() => {
    const box = place.current
    if (!box) return
    const chart = new uPlot(chartOptions(box, words.current), dataOf(timeline, now()), box)
    const draw = () => chart.setData(dataOf(timeline, now()))
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') draw()
    }, DRAW_EVERY_MS)
    const resized = new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT_PX }))
    resized.observe(box)
    return () => {
      clearInterval(timer)
      resized.disconnect()
      chart.destroy()
    }
  }, [timeline, now, look])

  return (
    <section class="card" aria-labelledby="timeline-title">
      <div class="card-head">
        <h2 id="timeline-title" class="card-title">
          Votes every ten seconds
        </h2>
        <p ref={words} class="muted small figure" />
      </div>
      <div ref={place} class="chart" aria-hidden="true" />
    </section>
  )
}

const dataOf = (timeline: LiveTimeline, nowMs: number): uPlot.AlignedData => {
  const all = timeline.windows(nowMs, WINDOWS_SHOWN)
  const first = all.findIndex(({ votes }) => votes > 0)
  // An event that has only begun is not drawn at the far end of nothing.
  const windows = all.slice(
    first === -1 ? -WINDOWS_MIN : Math.min(Math.max(0, first - 1), all.length - WINDOWS_MIN),
  )
  return [windows.map(({ startMs }) => startMs / 1_000), windows.map(({ votes }) => votes)]
}

const chartOptions = (box: HTMLElement, words: HTMLElement | null): uPlot.Options => {
  const style = getComputedStyle(box)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const grid = { stroke: colour('--line'), width: 1 }
  const font = `12px ${style.fontFamily}`
  const axis = { stroke: colour('--ink-soft'), font, grid, ticks: { show: false } }
  const bars = uPlot.paths.bars?.({ size: [0.72, 28], radius: 0.25, align: 1 })
  return {
    width: box.clientWidth,
    height: HEIGHT_PX,
    padding: [12, 22, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      // Half a window on each side, so that the first and the last bar are whole.
      x: { time: true, range: (_chart, min, max) => [min - WINDOW_MS / 4_000, max + WINDOW_MS / 1_000] },
      y: { range: (_chart, _min, max) => [0, Math.max(5, max * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        grid: { show: false },
        values: '{HH}:{mm}',
        space: 70,
        incrs: [60, 120, 300, 600],
      },
      { ...axis, size: 50, incrs: WHOLE_STEPS, space: 24 },
    ],
    series: [
      {},
      {
        fill: colour('--accent'),
        stroke: colour('--accent'),
        width: 0,
        points: { show: false },
        ...(bars ? { paths: bars } : {}),
      },
    ],
    hooks: { setCursor: [(chart) => words?.replaceChildren(pointedAt(chart))] },
  }
}

/** There is no half vote. */
const WHOLE_STEPS = Array.from({ length: 9 }, (_, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat()

const pointedAt = (chart: uPlot): string => {
  const index = chart.cursor.idx
  const start = index == null ? undefined : chart.data[0][index]
  const votes = index == null ? undefined : chart.data[1]?.[index]
  if (start === undefined || votes == null) return ''
  const time = new Date(start * 1_000).toTimeString().slice(0, 8)
  return `${votesCount(votes)} from ${time}`
}
