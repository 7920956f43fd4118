<?php
// Wallboard: how many agents are in each state, and how many clients wait in queues.
// C2D_URL=http://pbx:8300 C2D_KEY=… php wallboard.php
require __DIR__ . '/events.php';

$agents = $calls = [];
foreach (events() as $event => $told) {
    if ($event === 'snapshot') { // it replaces all
        $agents = array_column($told['agents'], 'state', 'extension');
        $calls = array_column($told['calls'], 'state', 'call_ref');
    } elseif ($event === 'agent') {
        $agents[$told['extension']] = $told['state'];
    } elseif ($event === 'call') {
        $calls[$told['call_ref']] = $told['state'];
    } else {
        continue;
    }
    $calls = array_diff($calls, ['ended']);
    $counts = array_count_values($agents);
    ksort($counts);
    echo json_encode((object) $counts), ' waiting: ', count(array_keys($calls, 'queued')), "\n";
}
