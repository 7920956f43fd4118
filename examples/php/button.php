<?php
// Button: a CRM whose page calls, and whose server gives the page a token in place of the key.
// C2D_URL=http://pbx:8300 C2D_KEY=… php -S 127.0.0.1:8080 button.php; http://localhost:8080 is in cors_origins.
$server = getenv('C2D_URL');
$agent = '1000'; // whoever is signed in: your CRM knows
if ($_SERVER['REQUEST_URI'] === '/token') {
    $wanted = ['agent' => $agent, 'origin' => "http://localhost:{$_SERVER['SERVER_PORT']}"];
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Authorization: Bearer ' . getenv('C2D_KEY'), 'Content-Type: application/json'],
        'content' => json_encode($wanted),
        'ignore_errors' => true,
    ]]);
    header('Content-Type: application/json');
    exit(file_get_contents("$server/click2dial/tokens", false, $context));
}
?>
<!doctype html><title>Clients</title>
<a href="tel:0820000100" data-contact-ref="client-4711">082 000 0100</a>
<script src="<?= $server ?>/click2dial.js" data-agent="<?= $agent ?>" data-token-url="/token"></script>
