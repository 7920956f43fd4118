<?php
// Screen pop: say which page to open when an agent's phone rings, or the agent calls.
// C2D_URL=http://pbx:8300 C2D_KEY=… CRM_URL=https://crm/contacts/ php screen_pop.php 1000
require __DIR__ . '/events.php';

$popped = '';
foreach (events('?agent=' . urlencode($argv[1])) as $event => $call) {
    if ($event === 'call' && $call['state'] !== 'ended' && $call['call_ref'] !== $popped) {
        $popped = $call['call_ref'];
        echo getenv('CRM_URL'), $call['contact_ref'] ?: $call['callee'], "\n";
    }
}
