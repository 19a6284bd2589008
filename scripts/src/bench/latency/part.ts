import { definePart } from '../part.js'
import { type LatencyFigures, measureLatency } from './latency.js'
import { isExact, loadRows, serviceRows, stageCharts, stageRows } from './rows.js'

export const latencyPart = definePart({
  name: 'latency',
  about:
    'how long votes take, from the send to the viewers, at shares of the capacity, beside the service levels; ingest ' +
    'counts from when a vote was to be sent until it is acknowledged, processing from the commit log to Redis by message, ' +
    "fan-out from Redis to a viewer's socket by board, a board's age from its last vote's acceptance to its receipt",
  options: {
    percent: {
      default: [25, 50, 75],
      hint: 'LIST',
      about: 'of the capacity with these viewers, one load for each',
    },
    viewers: { default: 1_000, min: 0, hint: 'N', about: 'who follow the board' },
    seconds: { default: 10, hint: 'N', about: 'of each load at its full rate' },
    graphql: { default: 0, min: 0, hint: 'N', about: 'percent of the votes over GraphQL instead of REST' },
    capacity: { default: 0, min: 0, hint: 'N', about: 'votes a second; 0: measured first' },
    'warm-up': { default: 8, hint: 'N', about: 'seconds of votes before the capacity is measured' },
  },
  async measure({ 'warm-up': warmUpSeconds, ...rest }, say) {
    const figures: LatencyFigures = await measureLatency({ ...rest, warmUpSeconds, say })
    return {
      figures,
      tables: [
        {
          title: `Latencies, of a capacity of ${figures.capacity.toFixed(0)} votes/s with the viewers`,
          rows: stageRows(figures),
        },
        { title: 'What the services did meanwhile', rows: serviceRows(figures) },
        { title: 'The loads', rows: loadRows(figures) },
      ],
      charts: stageCharts(figures),
      isGood: figures.loads.every(isExact),
    }
  },
})
