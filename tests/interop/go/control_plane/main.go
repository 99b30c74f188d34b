// An xDS control plane made with go-control-plane, the library that others are made with. It tells proxyless gRPC clients where one
// service is, as each line of its standard input says, and ends with it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"log"
	"net"
	"os"
	"strconv"
	"sync"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What a line of the input says; it replaces what the line before it said.
type plan struct {
	Service  string   `json:"service"`  // the name in xds:///name
	Backends []string `json:"backends"` // host:port each
	Retries  uint32   `json:"retries"`  // of the route's retry policy
}

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:0", "")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	snapshots := cachev3.NewSnapshotCache(true, everybody{}, nil)
	seen := &told{lines: json.NewEncoder(os.Stdout)}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(
		server, serverv3.NewServer(context.Background(), snapshots, serverv3.CallbackFuncs{
			StreamRequestFunc: seen.request,
		}))
	go func() { log.Fatal(server.Serve(listener)) }()
	seen.tell(map[string]any{"event": "listening", "listen": listener.Addr().String()})

	lines := bufio.NewScanner(os.Stdin)
	for version := 1; lines.Scan(); version++ {
		var wanted plan
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			log.Fatal(err)
		}
		snapshot, err := cachev3.NewSnapshot(strconv.Itoa(version), wanted.resources())
		if err == nil {
			err = snapshots.SetSnapshot(context.Background(), "", snapshot)
		}
		if err != nil {
			log.Fatal(err)
		}
		seen.tell(map[string]any{"event": "set"})
	}
}

// resources are a listener with its route, a cluster and where the cluster's servers are.
func (p plan) resources() map[resource.Type][]types.Resource {
	action := &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: p.Service}}
	if p.Retries > 0 {
		action.RetryPolicy = &routev3.RetryPolicy{RetryOn: "unavailable", NumRetries: wrapperspb.UInt32(p.Retries)}
	}
	manager := wrap(&managerv3.HttpConnectionManager{
		RouteSpecifier: &managerv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name: p.Service,
			VirtualHosts: []*routev3.VirtualHost{{
				Name:    p.Service,
				Domains: []string{p.Service},
				Routes: []*routev3.Route{{
					Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}},
					Action: &routev3.Route_Route{Route: action},
				}},
			}},
		}},
		HttpFilters: []*managerv3.HttpFilter{{
			Name:       "router",
			ConfigType: &managerv3.HttpFilter_TypedConfig{TypedConfig: wrap(&routerv3.Router{})},
		}},
	})
	endpoints := make([]*endpointv3.LbEndpoint, 0, len(p.Backends))
	for _, backend := range p.Backends {
		endpoints = append(endpoints, &endpointv3.LbEndpoint{
			HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address(backend)}},
		})
	}
	return map[resource.Type][]types.Resource{
		resource.ListenerType: {&listenerv3.Listener{
			Name:        p.Service,
			ApiListener: &listenerv3.ApiListener{ApiListener: manager},
		}},
		resource.ClusterType: {&clusterv3.Cluster{
			Name:                 p.Service,
			ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{EdsConfig: &corev3.ConfigSource{
				ResourceApiVersion:    corev3.ApiVersion_V3,
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			}},
		}},
		resource.EndpointType: {&endpointv3.ClusterLoadAssignment{
			ClusterName: p.Service,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{
				Locality:            &corev3.Locality{Zone: "test"},
				LoadBalancingWeight: wrapperspb.UInt32(1),
				LbEndpoints:         endpoints,
			}},
		}},
	}
}

func address(hostPort string) *corev3.Address {
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		log.Fatal(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		log.Fatal(err)
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}

func wrap(message proto.Message) *anypb.Any {
	wrapped, err := anypb.New(message)
	if err != nil {
		log.Fatal(err)
	}
	return wrapped
}

// everybody is told the same.
type everybody struct{}

func (everybody) ID(*corev3.Node) string { return "" }

// told writes what clients ask for and confirm, an object a line.
type told struct {
	mutex sync.Mutex
	lines *json.Encoder
}

func (t *told) tell(event map[string]any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if err := t.lines.Encode(event); err != nil {
		log.Fatal(err)
	}
}

// request tells of a subscription (no version), of what a client took (its version) and of what it refused (its error).
func (t *told) request(stream int64, request *discoveryv3.DiscoveryRequest) error {
	t.tell(map[string]any{
		"event":   "request",
		"stream":  stream,
		"agent":   request.GetNode().GetUserAgentName(),
		"type":    request.GetTypeUrl(),
		"names":   request.GetResourceNames(),
		"version": request.GetVersionInfo(),
		"error":   request.GetErrorDetail().GetMessage(),
	})
	return nil
}
